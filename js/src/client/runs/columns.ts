/** What the server says of a column: its Postgres type, and how deep its arrays are. */
export interface ColumnInfo {
  readonly type?: string;
  readonly dims?: number;
}

/** The value of a column, which arrives as text or null. Throws where the text is not of the type; text of another type stays text. */
export function decodeColumn(text: unknown, { type = "text", dims = 0 }: ColumnInfo = {}): unknown {
  if (typeof text !== "string") return text;
  const read = READERS[type] ?? String;
  return dims > 0 ? arrayOf(text, read) : read(text);
}

const READERS: Record<string, (text: string) => unknown> = {
  bool: (text) => text === "t" || text === "true",
  int2: Number,
  int4: Number,
  int8: BigInt,
  float4: Number,
  float8: Number,
  json: (text) => JSON.parse(text),
  jsonb: (text) => JSON.parse(text),
};

/** An array as Postgres writes it: `{a,"b,\"c\"",NULL,{nested}}`, with its bounds before it where they are unusual. */
function arrayOf(text: string, read: (text: string) => unknown): unknown[] {
  const token = /"((?:[^"\\]|\\.)*)"|([^,{}"\\]+)/sy;
  let at = /^\[[^\]=]*\].*?=|/.exec(text)?.[0].length ?? 0;
  const fail = () => new SyntaxError("not an array literal");
  const take = (character: string) => text[at] === character && ++at > 0;
  const list = (): unknown[] => {
    const items: unknown[] = [];
    if (take("}")) return items;
    do {
      if (take("{")) items.push(list());
      else {
        token.lastIndex = at;
        const [whole, quoted, word] = token.exec(text) ?? [];
        if (whole === undefined) throw fail();
        at += whole.length;
        if (quoted !== undefined) items.push(read(quoted.replace(/\\(.)/gs, "$1")));
        else items.push(word === "NULL" ? null : read(word as string));
      }
    } while (take(","));
    if (!take("}")) throw fail();
    return items;
  };
  if (!take("{")) throw fail();
  const items = list();
  if (at !== text.length) throw fail();
  return items;
}
