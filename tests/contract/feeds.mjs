// What two recordings of the same runs have in common.

/** For `JSON.parse`: what `alike` leaves of times, versions and cursors, by what they are. */
export function essential(key, value) {
  if (typeof value !== "string") return value;
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$/.test(value)) return "a time without a zone";
  if (key === "version" && /^\d{8}\.\d+$/.test(value)) return "a version";
  // An object in base64; the cursor of another list is an id, and stays.
  if (key === "next" && value.startsWith("eyJ")) return "a cursor";
  return value;
}

/** The headers of a feed's answer, with what tells a reader's place in them by what it means. */
export function placed({ headers, body }, asked = "") {
  const newest = newestOf(body);
  const known = {
    offset: (text) => {
      if (asked.includes(`offset=${text}&`)) return "as asked";
      const [, ms] = /^(\d+)_\d+$/.exec(text) ?? [];
      return ms === undefined ? text : Number(ms) === newest ? "that of the newest row" : `another: ${text}`;
    },
    handle: (text) => {
      if (asked.includes(`handle=${text}&`)) return "as asked";
      return text.replace(/^runs_\d+_\d+_[0-9a-f]{8}$/, "for tags").replace(/^(\{batch\})_\d+_[0-9a-f]{8}$/, "for $1");
    },
    cursor: (text) => (/^\d+$/.test(text) ? "a number" : text),
  };
  const kinds = {
    "electric-offset": "offset",
    "electric-chunk-last-offset": "offset",
    "electric-handle": "handle",
    "electric-shape-id": "handle",
    "electric-cursor": "cursor",
  };
  return Object.fromEntries(
    Object.entries(headers).map(([name, text]) => [name, kinds[name] ? known[kinds[name]](String(text)) : text]),
  );
}

/** When the newest of the rows was changed, in ms; 0 without rows. */
function newestOf(body) {
  const messages = body.startsWith("[") ? JSON.parse(body) : [];
  return Math.max(0, ...messages.flatMap(({ value }) => (value?.updatedAt ? [Date.parse(`${value.updatedAt}Z`)] : [])));
}
