import { messageOf, TidegateError } from "../errors.js";
import { decodePacket, STORED } from "./packets.js";
import type { RunValue } from "./run.js";

/** Where a packet of a run stands: it is decoded once, and its value stays the same object for as long as its text does. */
export class PacketValue implements RunValue {
  value: unknown;
  readonly data: unknown;
  readonly type: unknown;
  /** While its reader is being loaded; never rejects. */
  readonly decoding: Promise<void> | undefined;
  readonly #fetch: ((path: string) => Promise<unknown>) | undefined;
  #error: TidegateError | undefined;

  /**
   * @param fetch Brings a packet from the object store. Without it one that lies there cannot be read.
   * @param unreadable Hears why the packet cannot be read.
   */
  constructor(
    data: unknown,
    type: unknown,
    fetch: ((path: string) => Promise<unknown>) | undefined,
    unreadable: (reason: string) => void,
  ) {
    this.data = data;
    this.type = type;
    this.#fetch = fetch;
    const fail = (cause: unknown) => {
      this.#error = new TidegateError(`The packet cannot be read: ${messageOf(cause)}.`, {
        code: "protocol",
        retryable: false,
        cause,
      });
      unreadable(messageOf(cause));
    };
    if (typeof data !== "string" || typeof type !== "string" || !type || this.isStored) return;
    try {
      if (type === STORED) throw new Error("it lies in the object store");
      const value = decodePacket({ data, type });
      if (value instanceof Promise) {
        this.decoding = value.then((value) => {
          this.value = value;
        }, fail);
      } else this.value = value;
    } catch (cause) {
      fail(cause);
    }
  }

  get isStored(): boolean {
    return this.#fetch !== undefined && this.type === STORED && !!this.data;
  }

  async load(): Promise<unknown> {
    if (this.isStored) return this.#fetch?.(this.data as string);
    await this.decoding;
    if (this.#error) throw this.#error;
    return this.value;
  }
}
