import { invalidData } from "./encode.js";
import { messageOf, type TidegateError } from "./errors.js";

/**
 * The part of a [Standard Schema](https://standardschema.dev), version 1, that is used here. Zod, Valibot, ArkType and
 * others make them.
 *
 * @typeParam Input What the schema is for.
 */
export interface StandardSchema<Input = unknown> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult | Promise<SchemaResult>;
    /** Exists for the type checker only. */
    readonly types?: { readonly input: Input; readonly output: unknown } | undefined;
  };
}

/** With `issues` it failed. */
export interface SchemaResult {
  readonly value?: unknown;
  readonly issues?: readonly SchemaIssue[] | undefined;
}

/** What is wrong, and where: keys from the outside in. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Resolves with an `invalid-data` error that names every issue, or with nothing; never rejects. */
export async function validate(schema: StandardSchema, data: unknown): Promise<TidegateError | undefined> {
  try {
    return misfit(await schema["~standard"].validate(data));
  } catch (cause) {
    return notValidated(cause);
  }
}

/** What a schema makes of data. */
export type OutputOf<S extends StandardSchema> = NonNullable<S["~standard"]["types"]>["output"];

/** What was made of data, or what is wrong with them. */
export interface Parsed {
  readonly value?: unknown;
  readonly error?: TidegateError | undefined;
}

/** Checks and reads, at once where the schema can; never throws or rejects. */
export function parse(schema: StandardSchema, data: unknown): Parsed | Promise<Parsed> {
  const read = (result: SchemaResult): Parsed => ({ value: result.value, error: misfit(result) });
  const fail = (cause: unknown): Parsed => ({ error: notValidated(cause) });
  try {
    const result = schema["~standard"].validate(data);
    return result instanceof Promise ? result.then(read, fail) : read(result);
  } catch (cause) {
    return fail(cause);
  }
}

function misfit({ issues }: SchemaResult): TidegateError | undefined {
  return issues && invalidData("do not fit the schema", issues.map(inWords).join("; "));
}

function notValidated(cause: unknown): TidegateError {
  return invalidData("could not be validated", messageOf(cause), cause);
}

function inWords({ path = [], message }: SchemaIssue): string {
  const keys = path.map((step) => String(typeof step === "object" ? step.key : step));
  return [keys.join("."), message].filter(Boolean).join(": ");
}
