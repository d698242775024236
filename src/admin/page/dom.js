// The page's hands: text goes in as text, and nothing is touched that did not change.

export const at = (id) => document.getElementById(id);

/** Says `value` in `node`, and leaves it alone when it says so already. */
export function say(node, value) {
  const text = value == null ? '' : String(value);
  if (node.said !== text) {
    node.said = text;
    node.textContent = text;
  }
}

/** The same, where what stands between backticks is shown as code. */
export function write(node, value) {
  if (node.said === value) return;
  node.said = value;
  node.replaceChildren(...words(value));
}

export function words(text) {
  return text.split('`').map((part, index) => (index % 2 ? make('code', '', {}, part) : part));
}

/** Sets an attribute, or with `null` takes it away, where it is another. */
export function set(node, name, value) {
  if (value == null) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) {
    node.setAttribute(name, value);
  }
}

export function show(node, shown) {
  if (node.hidden === shown) node.hidden = !shown;
}

/** A new element: its class, its attributes, and its children, where a string is text. */
export function make(tag, kind = '', attributes = {}, ...children) {
  const node = document.createElement(tag);
  if (kind) node.className = kind;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** A small square with the letter of a state. It is for the eye; the word goes with it. */
export function chip() {
  return make('i', 'chip', { 'aria-hidden': 'true' });
}

export function paint(node, state) {
  set(node, 'data-tone', state.tone);
  say(node, state.letter);
}

/**
 * Makes the children of `parent` those of `items`, by key: what is there is updated, what is new is made, what is gone is taken
 * out, what is out of place is moved. Nothing moves while the focus is inside, so that nobody loses it.
 */
export function keyed(parent, items, keyOf, create, update) {
  const nodes = (parent.byKey ??= new Map());
  const wanted = new Map();
  for (const item of items) wanted.set(keyOf(item), item);
  for (const [key, node] of nodes) {
    if (!wanted.has(key)) {
      node.remove();
      nodes.delete(key);
    }
  }
  const still = parent.contains(document.activeElement) && document.activeElement !== parent;
  let next = parent.firstElementChild;
  for (const [key, item] of wanted) {
    let node = nodes.get(key);
    const fresh = !node;
    if (fresh) {
      node = create(item);
      nodes.set(key, node);
    }
    update(node, item);
    if (node === next) next = next.nextElementSibling;
    else if (fresh || !still) parent.insertBefore(node, next);
  }
}
