/** An experiment's parameters as texts in a form, and the request that a form stands for. Pure. */

/** The kinds of parameters as GET /training/parameters names them. Any other kind is a text or a JSON value. */
const [INTEGER, NUMBER, BOOLEAN, STRING, CHOICE] = ["integer", "number", "boolean", "string", "choice"];

/** The text that a field shows for a value; an empty text stands for null. */
export function textOf({ kind }, value) {
  if (kind === BOOLEAN) return String(value ?? false);
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/**
 * The value that a text stands for. A text that is no value of the parameter's kind stays a text: the service says what
 * is wrong with it.
 */
export function parsed({ kind, optional }, text) {
  const trimmed = text.trim();
  if (trimmed === "" && optional) return null;
  if (kind === STRING || kind === CHOICE) return text;
  try {
    return JSON.parse(trimmed);
  } catch {
    return trimmed;
  }
}

/** The texts that a person chooses from; null where anything may be typed. */
export const optionsOf = ({ kind, choices }) => (kind === BOOLEAN ? ["true", "false"] : (choices?.map(String) ?? null));

export const isNumeric = ({ kind }) => kind === INTEGER || kind === NUMBER;

/** What a parameter means, and its limits unless a list of choices shows them. */
export function hintOf({ choices, meaning, must }) {
  if (must === null || choices !== null) return meaning;
  const rule = must.replace(/^must /, "").replace(/^be /, "");
  return meaning === "" ? rule.replace(/^./, (first) => first.toUpperCase()) : `${meaning} (${rule})`;
}

/** The value at a dotted path, undefined where there is none. */
export const valueAt = (experiment, path) => path.split(".").reduce((value, name) => value?.[name], experiment);

export const isSame = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

/** The command that sends the same request from a POSIX shell, where only a quote has a meaning inside of '…'. */
export function curlOf(origin, request, needsToken) {
  const body = JSON.stringify(request, null, 1).replace(/\n\s*/g, " ").replaceAll("'", "'\\''");
  const token = needsToken ? `  -H "Authorization: Bearer $TRAINING_API_TOKEN" \\\n` : "";
  return `curl -X POST ${origin}/training/start \\\n${token}  -H 'Content-Type: application/json' \\\n  -d '${body}'`;
}

/** The form's field for a field of the request that has another name there. */
const FIELD_OF = { train_data_dir: "dataset", val_data_dir: "dataset", test_data_dir: "dataset" };

/** The key of a parameter's messages. A parameter of a command may have the name of a field of the form. */
export const keyOf = (path) => `overrides.${path}`;

/**
 * Group the service's messages by the keys of the form's `fields`: Map key -> [message]. A parameter has its `keyOf`,
 * whether or not the request overrides it. Messages about anything that is not on the form are under "".
 */
export function byField(problem, fields) {
  const messages = new Map();
  for (const [key, texts] of Object.entries(problem?.errors ?? {})) {
    const name = FIELD_OF[key] ?? key;
    const field = [name, keyOf(name)].find((each) => fields.has(each)) ?? "";
    const message = field === "" ? `${name.replace(/^overrides\./, "")}: ${joined(texts)}` : joined(texts);
    messages.set(field, [...new Set([...(messages.get(field) ?? []), message])]);
  }
  return messages;
}

function joined(texts) {
  if (Array.isArray(texts)) return texts.map(joined).join(" ");
  if (texts === null || typeof texts !== "object") return String(texts);
  const parts = Object.entries(texts).map(([name, inner]) => `${name}: ${joined(inner)}`);
  return parts.join(" ");
}
