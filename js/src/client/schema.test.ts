import { expect, it } from "vitest";
import { type SchemaResult, type StandardSchema, validate } from "./schema.js";

const schemaOf = (check: (value: unknown) => SchemaResult | Promise<SchemaResult>): StandardSchema => ({
  "~standard": { version: 1, vendor: "test", validate: check },
});

it.each([
  ["at once", () => ({})],
  ["later", async () => ({ issues: undefined })],
])("says nothing about data that fit, %s", async (_, check) => {
  expect(await validate(schemaOf(check), 1)).toBeUndefined();
});

it("names every issue with its path, whatever the path is made of", async () => {
  const issues = [
    { message: "must be a boolean", path: ["answers", 0, { key: "approved" }] },
    { message: "must not be here", path: [Symbol("secret")] },
    { message: "must be an object", path: [] },
    { message: "is odd" },
  ];
  expect(
    await validate(
      schemaOf(() => ({ issues })),
      1,
    ),
  ).toMatchObject({
    code: "invalid-data",
    outcome: "rejected",
    retryable: false,
    message:
      "The data do not fit the schema: answers.0.approved: must be a boolean; Symbol(secret): must not be here; must be an object; is odd.",
  });
});

it.each([
  [
    "throws",
    () => {
      throw new Error("no network");
    },
  ],
  ["rejects", () => Promise.reject(new Error("no network"))],
])("says what is wrong when the validator %s", async (_, check) => {
  const error = await validate(schemaOf(check), 1);
  expect(error).toMatchObject({ code: "invalid-data", message: "The data could not be validated: no network." });
  expect(error?.cause).toMatchObject({ message: "no network" });
});

it("says so when it is given no schema at all", async () => {
  expect(await validate({} as StandardSchema, 1)).toMatchObject({ code: "invalid-data" });
});
