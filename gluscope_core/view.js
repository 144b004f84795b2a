// Shows HTML that Python wrote (everything in it escaped there), and what needs a hand or a key: the values of the
// token under the pointer or with the focus, links that keep the session, opening a text, copying the address.
const NAMES = ["gate", "in", "act", "post"]

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".view")
  if (root.written !== data.html) {
    const focused = placeOfFocus(root)
    root.innerHTML = data.html
    root.written = data.html
    restoreFocus(root, focused)
    root.querySelectorAll(".full").forEach(showInterest)
    root.querySelectorAll('[data-go="now"]').forEach((link) => follow(link.href))
  }
  if (!root.querySelector(".tip")) root.append(newTip())
  root.onclick = (event) => act(event, setTriggerValue)
  if (!root.listens) listen(root)
}

function listen(root) {
  root.listens = true
  const show = (event) => showTip(root, event.target.closest?.("[data-v]"))
  const hide = () => showTip(root, null)
  root.addEventListener("pointerover", show)
  root.addEventListener("pointerleave", hide)
  root.addEventListener("focusin", show)
  root.addEventListener("focusout", hide)
  root.addEventListener("keydown", (event) => moveAmongTokens(root, event))
}

// Who chose with a pointer goes on with the page's arrow keys; who chose by keyboard, within the switch.
document.addEventListener("click", (event) => {
  if (!event.detail || !event.target.closest?.('[data-testid="stButtonGroup"]')) return
  setTimeout(() => document.activeElement?.closest('[data-testid="stButtonGroup"]') && document.activeElement.blur())
}, true) // the switch lets no click through

function act(event, setTriggerValue) {
  const target = event.target.closest("[data-neuron], [data-open], [data-copy], [data-go]")
  if (!target || event.ctrlKey || event.metaKey || event.shiftKey) return
  const { neuron, open, copy, go } = target.dataset
  if (neuron) { event.preventDefault(); setTriggerValue("neuron", neuron) }
  if (open !== undefined) setTriggerValue("open", open)
  if (copy !== undefined) copyAddress(target)
  if (go !== undefined) { event.preventDefault(); follow(target.href) }
}

// To another page or query of the app without loading it anew: as the browser's own ways back and forth do it, since
// a switch by the server leaves an address behind that was never a page.
function follow(address) {
  history.pushState({}, "", address)
  dispatchEvent(new PopStateEvent("popstate"))
}

async function copyAddress(button) {
  const label = button.textContent
  try {
    await navigator.clipboard.writeText(addressWith(button.dataset.copy))
    button.textContent = "copied"
  } catch {
    button.textContent = "copy it from the address bar"
  }
  setTimeout(() => { button.textContent = label }, 1500)
}

// The page's own with the parameters given: the dataset that is shown, which may be the default one, and its version.
function addressWith(parameters) {
  const address = new URL(location.href)
  for (const [key, value] of new URLSearchParams(parameters)) {
    address.searchParams.set(key, value)
  }
  return address.href
}

function newTip() {
  const tip = document.createElement("div")
  tip.className = "tip"
  tip.setAttribute("role", "status")
  tip.hidden = true
  return tip
}

function showTip(root, token) {
  const tip = root.querySelector(".tip")
  if (!tip) return
  if (!token) { tip.hidden = true; return }
  const active = token.closest("[data-quantity]")?.dataset.quantity
  tip.replaceChildren(...token.dataset.v.split(" ").flatMap((value, at) => [NAMES[at], value.replaceAll("-", "−")].map((text) => {
    const cell = document.createElement("span")
    cell.textContent = text
    if (NAMES[at] === active) cell.className = "active"
    return cell
  })))
  tip.hidden = false
  const [frame, box] = [root.getBoundingClientRect(), token.getBoundingClientRect()]
  const left = Math.min(Math.max(0, box.left - frame.left), frame.width - tip.offsetWidth)
  const above = box.top - tip.offsetHeight - 4
  tip.style.left = `${left}px`
  tip.style.top = `${(above > 60 ? above : box.bottom + 4) - frame.top}px`
}

// Left and right go through the tokens of a row, up and down through the rows; the page's own keys stay out of it.
function moveAmongTokens(root, event) {
  const token = event.target.closest?.("[data-v]")
  if (!token || !event.key.startsWith("Arrow")) return
  const row = token.closest(".row, .full")
  const inRow = [...row.querySelectorAll("[data-v]")]
  const sideways = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
  const rows = [...root.querySelectorAll("[tabindex]")].filter((each) => each.matches("b[data-v]"))
  const here = rows.indexOf(row.querySelector("b[data-v]"))
  const next = sideways ? inRow[inRow.indexOf(token) + sideways] : rows[here + (event.key === "ArrowUp" ? -1 : 1)]
  event.preventDefault()
  event.stopPropagation()
  if (!next) return
  next.tabIndex = 0
  next.focus()
  if (!token.matches("b")) token.removeAttribute("tabindex")
}

function showInterest(full) {
  const token = full.querySelector(".t")
  if (token) full.scrollTop = token.offsetTop - full.offsetTop - full.clientHeight / 2
}

function placeOfFocus(root) {
  return root.getRootNode().activeElement?.dataset?.open
}

function restoreFocus(root, open) {
  if (open) root.querySelector(`[data-open="${CSS.escape(open)}"]`)?.focus()
}
