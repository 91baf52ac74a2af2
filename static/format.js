/** Values as people read them. Everything that is not known is a dash. */
export const UNKNOWN = "–";

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

export function count(value) {
  return isNumber(value) ? Math.round(value).toLocaleString("en").replaceAll(",", "\u2009") : UNKNOWN;
}

/** A number as a program counts, such as an epoch: whole, or with its fraction as far as it tells something. */
export const numeral = (value) => (isNumber(value) ? String(Number(value.toPrecision(6))) : UNKNOWN);

/** A metric's value, short, with enough digits to tell neighbours apart. */
export function metric(value) {
  if (Number.isNaN(value)) return "NaN";
  if (Math.abs(value) === Infinity) return value > 0 ? "\u221e" : "\u2212\u221e";
  if (!isNumber(value)) return UNKNOWN;
  const size = Math.abs(value);
  return digits(value, size).replace("e+", "e").replaceAll("-", "\u2212");
}

function digits(value, size) {
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) return value.toExponential(2);
  if (size !== 0 && size < 0.01) return value.toPrecision(3);
  return value.toFixed(size >= 1000 ? 1 : size >= 10 ? 2 : 4);
}

export function rate(value) {
  if (!isNumber(value)) return UNKNOWN;
  return value >= 100 ? count(value) : value.toPrecision(3);
}

export const percent = (fraction) => `${Math.floor(100 * fraction)}%`;

export function duration(seconds) {
  if (!isNumber(seconds) || seconds < 0) return UNKNOWN;
  const whole = Math.round(seconds);
  const [days, hours, minutes] = [
    Math.floor(whole / 86400),
    Math.floor(whole / 3600) % 24,
    Math.floor(whole / 60) % 60,
  ];
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  if (minutes) return `${minutes} min ${whole % 60} s`;
  return `${whole} s`;
}

/** A duration in its largest unit: "12 min", "3 h". */
export const roughly = (seconds) => duration(seconds).split(" ").slice(0, 2).join(" ");

/** A moment in the least room that tells it: today the time of day, this year without the year. */
export function shortMoment(iso) {
  const time = new Date(iso ?? NaN);
  if (Number.isNaN(time.getTime())) return UNKNOWN;
  const now = new Date();
  const clock = time.toLocaleString("en-GB", { hour: "2-digit", minute: "2-digit" });
  if (time.toDateString() === now.toDateString()) return clock;
  const year = time.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return `${time.toLocaleString("en-GB", { day: "numeric", month: "short", year })}, ${clock}`;
}

/** A share with two digits: 99.17%. */
export function percentage(fraction) {
  return isNumber(fraction) ? `${(100 * fraction).toFixed(fraction === 1 || fraction === 0 ? 0 : 2)}%` : UNKNOWN;
}

export function bytes(number) {
  if (!isNumber(number)) return UNKNOWN;
  const power = Math.min(4, Math.floor(Math.log10(Math.max(1, number)) / 3));
  const value = number / 1000 ** power;
  return `${power === 0 ? value : value.toPrecision(3)}\u202f${["bytes", "kB", "MB", "GB", "TB"][power]}`;
}

/** The time of day so many seconds from now; with the day unless that is today. */
export function clock(seconds) {
  if (!isNumber(seconds) || seconds < 0) return UNKNOWN;
  const time = new Date(Date.now() + 1000 * seconds);
  const day =
    time.toDateString() === new Date().toDateString() ? {} : { weekday: "short", month: "short", day: "numeric" };
  return time.toLocaleString("en-GB", { ...day, hour: "2-digit", minute: "2-digit" });
}

export function secondsBetween(from, to) {
  return (Date.parse(to ?? "") - Date.parse(from ?? "")) / 1000;
}

export const gigabytes = (megabytes) => (isNumber(megabytes) ? (megabytes / 1000).toPrecision(3) : UNKNOWN);

export const experimentName = (fileName) => fileName?.replace(/\.ya?ml$/, "") ?? "unknown experiment";

/** The dataset's name, or that of the folder in which the training images' folder lies: a resumed run names no dataset. */
export const datasetName = (request) => request?.dataset ?? request?.train_data_dir?.split("/").filter(Boolean).at(-2);
