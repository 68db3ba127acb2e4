// The pixels of the inspector's images: strips are read, and layers become what a canvas shows.
const inflated = async (bytes) =>
  new Uint8Array(
    await new Response(
      new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate")),
    ).arrayBuffer(),
  );
const unpacked = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));

// A grey PNG of 8 bits -> its bytes. Read here rather than by an <img>: what a canvas gives back of
// one is rounded by colour profiles, and altered by browsers that hide who their user is.
async function readPng(text) {
  const file = unpacked(text);
  const view = new DataView(file.buffer);
  const parts = [];
  let width = 0;
  let height = 0;
  for (let at = 8; at < file.length; ) {
    const length = view.getUint32(at);
    const kind = String.fromCharCode(...file.subarray(at + 4, at + 8));
    if (kind === "IHDR") [width, height] = [view.getUint32(at + 8), view.getUint32(at + 12)];
    if (kind === "IDAT") parts.push(file.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  const rows = await inflated(await new Blob(parts).arrayBuffer());
  const bytes = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (width + 1)];
    const from = y * (width + 1) + 1;
    const to = y * width;
    for (let x = 0; x < width; x++) {
      const left = x ? bytes[to + x - 1] : 0;
      const up = y ? bytes[to + x - width] : 0;
      let guess = 0;
      if (filter === 1) guess = left;
      else if (filter === 2) guess = up;
      else if (filter === 3) guess = (left + up) >> 1;
      else if (filter === 4) {
        const corner = x && y ? bytes[to + x - width - 1] : 0;
        const [a, b, c] = [up - corner, left - corner, left + up - 2 * corner].map(Math.abs);
        guess = a <= b && a <= c ? left : b <= c ? up : corner;
      }
      bytes[to + x] = rows[from + x] + guess;
    }
  }
  return bytes;
}

// Numbers of 16 bits, their higher bytes first: see `ImageScores.packed`.
async function readValues(low, step, text) {
  const planes = await inflated(unpacked(text));
  const count = planes.length / 2;
  return Float64Array.from({ length: count }, (_, at) => {
    const number = (planes[at] << 8) | planes[count + at];
    return number === 65535 ? NaN : low + step * number;
  });
}

// Orange: brighter; blue: darker; grey: equal. `range` is what is shown in full colour, in grey levels.
function differing(difference, range) {
  const share = Math.min(1, Math.abs(difference) / range);
  const end = difference > 0 ? [213, 94, 0] : [1, 115, 178];
  return end.map((c) => Math.round(245 + share * (c - 245)));
}
// Black, violet, orange, white: matplotlib's magma in four steps.
const heat = [[0, 0, 4], [114, 31, 129], [241, 96, 93], [252, 253, 191]];
function hot(v) {
  const at = (v / 255) * 3;
  const low = Math.min(2, Math.floor(at));
  return heat[low].map((c, i) => Math.round(c + (at - low) * (heat[low + 1][i] - c)));
}

// One image of one noise, decoded: its layers are Uint8Arrays of planes, channel after channel.
class Layers {
  constructor(picture, strip, clean) {
    [this.channels, this.height, this.width] = picture.shape;
    const size = this.channels * this.height * this.width;
    const layer = (at) => strip.subarray(at * size, (at + 1) * size);
    this.of = { noisy: layer(0) };
    if (clean) this.of.clean = clean;
    picture.methods.forEach((method, at) => (this.of[method] = layer(at + 1)));
    this.deviations = {};
    picture.deviations.forEach((method, at) => {
      this.deviations[method] = layer(1 + picture.methods.length + at);
    });
    this.painted = {};
  }
  // The grey level of a layer at a pixel: the mean of its channels.
  mean(layer, at) {
    const plane = this.width * this.height;
    let sum = 0;
    for (let c = 0; c < this.channels; c++) sum += layer[c * plane + at];
    return sum / this.channels;
  }
  // A canvas, a pixel a pixel, of what `colour` gives for each.
  paint(name, colour) {
    if (!this.painted[name]) {
      const canvas = document.createElement("canvas");
      Object.assign(canvas, { width: this.width, height: this.height });
      const context = canvas.getContext("2d");
      const shown = context.createImageData(this.width, this.height);
      for (let at = 0; at < this.width * this.height; at++) {
        shown.data.set(colour(at), at * 4);
        shown.data[at * 4 + 3] = 255;
      }
      context.putImageData(shown, 0, 0);
      this.painted[name] = canvas;
    }
    return this.painted[name];
  }
  image(source) {
    const [layer, plane] = [this.of[source], this.width * this.height];
    const shown = this.channels === 3 ? [0, plane, 2 * plane] : [0, 0, 0];
    return this.paint(source, (at) => shown.map((from) => layer[from + at]));
  }
  difference(a, b, range) {
    const [one, other] = [this.of[a], this.of[b]];
    return this.paint(`${b}-${a}/${range}`, (at) =>
      differing(this.mean(other, at) - this.mean(one, at), range));
  }
  deviation(method) {
    const layer = this.deviations[method];
    return this.paint(`deviation ${method}`, (at) => hot(this.mean(layer, at)));
  }
  // PSNR in dB of a box [left, top, right, bottom] of a layer, of its 8-bit values.
  psnr(source, [left, top, right, bottom]) {
    const [layer, clean, plane] = [this.of[source], this.of.clean, this.width * this.height];
    let sum = 0;
    for (let c = 0; c < this.channels; c++) {
      for (let y = top; y < bottom; y++) {
        for (let x = left; x < right; x++) {
          const at = c * plane + y * this.width + x;
          sum += (layer[at] - clean[at]) ** 2;
        }
      }
    }
    const mse = sum / (this.channels * (right - left) * (bottom - top));
    return 10 * Math.log10(255 ** 2 / mse);
  }
}
