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
    const { issues } = await schema["~standard"].validate(data);
    return issues && invalidData("do not fit the schema", issues.map(inWords).join("; "));
  } catch (cause) {
    return invalidData("could not be validated", messageOf(cause), cause);
  }
}

function inWords({ path = [], message }: SchemaIssue): string {
  const keys = path.map((step) => String(typeof step === "object" ? step.key : step));
  return [keys.join("."), message].filter(Boolean).join(": ");
}
