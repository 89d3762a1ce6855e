// Make a picture that is too large to upload smaller, as the server would anyway.
const input = document.getElementById("id_picture");

async function shrink() {
  const file = input.files[0];
  if (!file || file.size < 1024 * 1024 || !window.createImageBitmap) return;
  const picture = await createImageBitmap(file);
  const scale = Math.min(1, 1024 / Math.min(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  const paper = canvas.getContext("2d");
  paper.fillStyle = "#fff";
  paper.fillRect(0, 0, canvas.width, canvas.height);
  paper.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const smaller = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.9));
  const chosen = new DataTransfer();
  chosen.items.add(new File([smaller], "picture.jpg", { type: "image/jpeg" }));
  input.files = chosen.files;
}

// A file that the browser can't read is left as it is: the server says what is wrong with it.
input?.addEventListener("change", () => shrink().catch(() => {}));
