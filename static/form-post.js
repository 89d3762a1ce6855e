// Sends the answer on its way to the app; without JavaScript the person presses the button.
document.getElementById("answer").submit();
