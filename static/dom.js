/** The few DOM functions that the views share. Text from the service enters as text only. */
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

/** Make a render function that runs only when one of the values that `select(state)` lists has changed. */
export function whenChanged(select, render) {
  let rendered = null;
  return (state) => {
    const values = select(state);
    if (rendered !== null && values.every((value, i) => value === rendered[i])) return;
    rendered = values;
    render(state);
  };
}
