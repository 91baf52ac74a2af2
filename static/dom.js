/** The little that the views need of the DOM. Text enters as text only. */
export const byId = (id) => document.getElementById(id);

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function make(tag, { text, className, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  if (className !== undefined) element.className = className;
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
}

export function makeSvg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Wrap a render function so that it runs only when what it shows has changed. `select` names the parts it shows. */
export function whenChanged(select, render) {
  let shown = null;
  return (state) => {
    const parts = select(state);
    if (shown !== null && parts.every((part, i) => part === shown[i])) return;
    shown = parts;
    render(state);
  };
}
