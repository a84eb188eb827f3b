import { SuperJSON } from "superjson";

/** As the official packages have it: with the one type that they add. A browser has no `Buffer`, and reads one as bytes. */
export const superJson = new SuperJSON();

interface Bytes {
  readonly from: (bytes: number[]) => Uint8Array;
  readonly isBuffer?: (value: unknown) => boolean;
}

// By way of globalThis, since bundlers that find the bare name put a polyfill of it into the page.
const { Buffer: bytes = Uint8Array } = globalThis as { Buffer?: Bytes } & typeof globalThis;

superJson.registerCustom<Uint8Array, number[]>(
  {
    isApplicable: (value): value is Uint8Array => (bytes as Bytes).isBuffer?.(value) === true,
    serialize: (value) => [...value],
    deserialize: (value) => bytes.from(value),
  },
  "buffer",
);
