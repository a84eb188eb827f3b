/** JSON, or a sentence that says where it is none. An empty text is undefined where that is allowed. */
export function readJson(text: string, isOptional = false): { value: unknown } | { problem: string } {
  if (text.trim() === "") {
    return isOptional ? { value: undefined } : { problem: 'There is nothing here. A text stands in quotes: "yes".' };
  }
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    return {
      problem: `This is no JSON${placeOf(text, (error as Error).message)}. Names and texts stand in double quotes.`,
    };
  }
}

/** Browsers name the place as an index, as a line and a column, or not at all. */
function placeOf(text: string, message: string): string {
  const [, line, column] = /line (\d+) column (\d+)/.exec(message) ?? [];
  if (line) return `: see line ${line}, column ${column}`;
  const [, position] = /position (\d+)/.exec(message) ?? [];
  if (position === undefined) return /end of/i.test(message) ? ": it ends too soon" : "";
  const before = text.slice(0, Number(position)).split("\n");
  return `: see line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

/** Lines and indents, but for what fits into a line. */
export function pretty(value: unknown): string {
  try {
    const short = JSON.stringify(value, jsonable);
    if (short === undefined) return "undefined";
    return short.length <= 60 && !/[{[].*[{[]/.test(short) ? short : JSON.stringify(value, jsonable, 2);
  } catch {
    return String(value);
  }
}

/** What superjson brings and JSON does not know. */
function jsonable(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return `${value}n`;
  if (value instanceof Map) return Object.fromEntries(value);
  return value instanceof Set ? [...value] : value;
}

interface FieldProps {
  id: string;
  label: string;
  value: string;
  problem: string | undefined;
  rows?: number;
  disabled?: boolean;
  onChange: (text: string) => void;
  onSubmit: () => void;
}

/** A field for JSON, which says what is wrong with it. Control or Command with Enter sends. */
export function JsonField({ id, label, value, problem, rows = 3, disabled, onChange, onSubmit }: FieldProps) {
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <textarea
        id={id}
        rows={rows}
        spellCheck={false}
        value={value}
        disabled={disabled}
        aria-invalid={problem !== undefined}
        aria-describedby={`${id}-problem`}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
          event.preventDefault();
          onSubmit();
        }}
      />
      <p className="hint" id={`${id}-problem`} role={problem ? "alert" : undefined}>
        {problem}
      </p>
    </div>
  );
}
