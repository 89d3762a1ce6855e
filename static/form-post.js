// Sends the answer on its way to the app; without JavaScript the user presses the button.
document.getElementById("answer").submit();
