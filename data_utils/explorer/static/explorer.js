// The page without this file is a form; with it, results come without loading the page again,
// and there is a canvas to draw on.
"use strict";

document.documentElement.classList.add("script");

const PEN = 26; // canvas pixels: shrunk, a stroke is 2.5 pixels wide, the median of 1,000 MNIST digits
const STEP = 10; // canvas pixels that an arrow key moves the pen: one of the 28
const AFTER_STROKE = 250; // ms until a drawing is sent: time to begin the next stroke
const AFTER_SETTING = 60; // ms, so that a slider on its way does not ask for every place it passes
const SLOW = 400; // ms after which waiting is worth a word
const LONG_SIDE = 1600; // pixels: four times the size that the server works at
const QUALITY = 0.8; // of a JPEG: even 1,600 x 1,600 pixels of noise are then small enough
const LARGE = 2 ** 20; // bytes, half of what the server takes

document.addEventListener("DOMContentLoaded", () => {
  const at = (id) => document.getElementById(id);
  const [form, result, status] = [at("judge"), at("result"), at("status")];
  const judge = judgeInto(form, result, status);
  listenToForm(form, judge);
  listenToSettings(form, at("rate"), at("slide"), judge, status);
  const tools = { cursor: at("cursor"), undo: at("undo"), clear: at("clear"), status };
  listenToDrawing(at("paper"), tools, judge);
});

// Return functions that ask the server about an image and show what it says.
function judgeInto(form, result, status) {
  let seen = result.querySelector("[data-seen]")?.dataset.seen; // judged last, as base64
  let timer, request;

  function stop() {
    clearTimeout(timer);
    request?.abort();
    result.setAttribute("aria-busy", "false");
  }
  function show(html) {
    result.innerHTML = html; // a template of ours, escaped there
    const said = result.querySelector("[data-said]");
    seen = said?.dataset.seen ?? seen;
    status.textContent = said?.dataset.said ?? "";
  }
  async function ask(name, value) {
    const own = (request = new AbortController());
    const fields = new FormData(form);
    for (const other of ["image", "sample", "seen", "drawing"]) fields.delete(other);
    result.setAttribute("aria-busy", "true");
    const slow = setTimeout(
      () => own.signal.aborted || (status.textContent = "Judging …"), SLOW,
    );
    try {
      const image = await value();
      if (own.signal.aborted || image === undefined) return;
      fields.append(name, image);
      const answer = await fetch(form.getAttribute("action"), {
        method: "POST", body: fields, signal: own.signal, headers: { "X-Fragment": "1" },
      });
      const html = await answer.text();
      if (!answer.headers.get("Content-Type")?.startsWith("text/html")) throw new TypeError(html);
      if (!own.signal.aborted) show(html);
    } catch (error) {
      if (error.name === "AbortError") return;
      show(document.getElementById("unanswered").innerHTML);
    } finally {
      clearTimeout(slow);
      if (own === request) result.setAttribute("aria-busy", "false");
    }
  }
  // What is asked later counts: an older question is dropped, whether sent or not.
  function soon(name, value, wait) {
    stop();
    timer = setTimeout(() => ask(name, value), wait);
  }
  return {
    button: (name, value) => soon(name, async () => value, 0),
    file: (file) => soon("image", () => shrunk(file), 0),
    drawing: (canvas) =>
      soon("drawing", () => new Promise((done) => canvas.toBlob(done, "image/png")), AFTER_STROKE),
    again: (wait = 0) => soon("seen", async () => seen, wait),
    stop,
    nothing() {
      stop();
      seen = undefined;
      show(document.getElementById("nothing").innerHTML);
    },
  };
}

// Return a photo in a size that the server takes. A file that is small, or that the browser cannot
// read, stays as it is: the server judges it, or says what is wrong with it.
async function shrunk(file) {
  let photo;
  try {
    photo = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return file;
  }
  const scale = Math.min(1, LONG_SIDE / Math.max(photo.width, photo.height));
  if (scale === 1 && file.size <= LARGE) return file;
  const small = document.createElement("canvas");
  small.width = Math.max(1, Math.round(scale * photo.width));
  small.height = Math.max(1, Math.round(scale * photo.height));
  const pen = small.getContext("2d");
  pen.fillStyle = "white"; // what is transparent shows white paper, as on the server
  pen.fillRect(0, 0, small.width, small.height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(photo, 0, 0, small.width, small.height);
  photo.close();
  const saved = (type) => new Promise((done) => small.toBlob(done, type, QUALITY));
  const exact = await saved("image/png");
  return exact.size <= LARGE ? exact : saved("image/jpeg");
}

function listenToForm(form, judge) {
  const file = form.elements.image;
  const upload = () => file.files.length && judge.file(file.files[0]);
  file.addEventListener("change", upload);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = event.submitter;
    if (button?.name) judge.button(button.name, button.value);
    else upload();
  });
}

function listenToSettings(form, rate, slide, judge, status) {
  slide.addEventListener("input", () => {
    rate.value = slide.value;
    judge.again(AFTER_SETTING);
  });
  rate.addEventListener("input", () => {
    if (!rate.value || !rate.checkValidity()) return;
    slide.value = rate.value;
    judge.again(AFTER_STROKE);
  });
  rate.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return; // it would press the form's first button
    event.preventDefault();
    if (rate.reportValidity()) judge.again();
  });
  for (const box of form.elements) {
    if (box.name !== "detector") continue;
    box.addEventListener("change", () => {
      if (new FormData(form).has("detector")) return judge.again();
      box.checked = true;
      status.textContent = "One detector stays chosen.";
    });
  }
}

// Strokes are lists of points, so that the last one can be taken back.
function listenToDrawing(canvas, { cursor, undo, clear, status }, judge) {
  const pen = canvas.getContext("2d");
  const strokes = [];
  let pointer = null; // the id of the finger or mouse that draws
  let byKeys = false; // whether the keyboard was used last, not the pointer
  let down = false; // whether the keyboard's pen is on the paper
  // Of the keyboard's pen: the middle of one of 28 x 28 cells.
  let place = [(canvas.width + STEP) / 2, (canvas.height + STEP) / 2];

  function redraw() {
    pen.fillStyle = "black"; // MNIST is white on black
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.strokeStyle = "white";
    pen.lineWidth = PEN;
    pen.lineCap = pen.lineJoin = "round";
    for (const points of strokes) {
      pen.beginPath();
      pen.moveTo(...points[0]);
      for (const point of points) pen.lineTo(...point); // the first again: a dot has length 0
      pen.stroke();
    }
    undo.disabled = clear.disabled = !strokes.length;
  }
  function begin(point) {
    judge.stop();
    strokes.push([point]);
    redraw();
  }
  function go(point) {
    strokes.at(-1).push(point);
    redraw();
  }
  function remove(count) {
    down = false;
    pointer = null;
    strokes.splice(-count, count);
    redraw();
    showCursor();
    if (strokes.length) judge.drawing(canvas);
    else judge.nothing();
  }
  function pointOf(event) {
    const box = canvas.getBoundingClientRect();
    return [
      ((event.clientX - box.left) * canvas.width) / box.width,
      ((event.clientY - box.top) * canvas.height) / box.height,
    ];
  }
  function lift() {
    if (!down) return;
    down = false;
    showCursor();
    judge.drawing(canvas);
  }
  function showCursor() {
    cursor.hidden = !byKeys || document.activeElement !== canvas;
    cursor.classList.toggle("down", down);
    cursor.style.left = `${(100 * place[0]) / canvas.width}%`;
    cursor.style.top = `${(100 * place[1]) / canvas.height}%`;
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button || pointer !== null) return;
    lift();
    byKeys = false;
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    begin(pointOf(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    const between = event.getCoalescedEvents?.() ?? [];
    for (const part of between.length ? between : [event]) go(pointOf(part));
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => {
      if (event.pointerId !== pointer) return;
      pointer = null;
      judge.drawing(canvas);
    });
  }
  function sayPlace() {
    const [column, row] = place.map((value) => Math.ceil(value / STEP));
    const of = canvas.width / STEP;
    status.textContent = `Pen ${down ? "down" : "up"} at column ${column}, row ${row} of ${of}.`;
  }
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    if (event.key === " ") {
      if (down) lift();
      else begin(place), (down = true);
      sayPlace();
    } else if (moves[event.key]) {
      const inside = (value, size) => Math.min(Math.max(value, STEP / 2), size - STEP / 2);
      const [right, below] = moves[event.key];
      place = [inside(place[0] + STEP * right, canvas.width),
               inside(place[1] + STEP * below, canvas.height)];
      if (down) go(place);
    } else return;
    event.preventDefault(); // the page would scroll
    byKeys = true;
    showCursor();
  });
  canvas.addEventListener("keyup", (event) => { // not at each step: a key that is held takes many
    if (moves[event.key]) sayPlace();
  });
  canvas.addEventListener("focus", () => {
    byKeys = canvas.matches(":focus-visible");
    showCursor();
  });
  canvas.addEventListener("blur", () => (lift(), showCursor()));
  undo.addEventListener("click", () => remove(1));
  clear.addEventListener("click", () => remove(strokes.length));
  redraw();
}
