// The values of each row's tokens lie in its attribute as 16-bit floats: gate, in and act of one token after another.
function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023
  if (exponent === 31) return fraction ? NaN : sign * Infinity
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024))
}

for (const row of document.querySelectorAll("[data-h]")) {
  const bytes = new DataView(Uint8Array.from(atob(row.dataset.h), (each) => each.charCodeAt(0)).buffer)
  row.querySelectorAll(".window i, .window b").forEach((token, at) => {
    const [gate, linear, act] = [0, 2, 4].map((place) => half(bytes.getUint16(6 * at + place, true)))
    token.dataset.v = [gate, linear, act, act * linear].map((value) => value.toPrecision(3)).join(" ")
  })
}
show({ data: {}, parentElement: document })
