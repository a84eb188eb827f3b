import { messageOf, TidegateError } from "../errors.js";
import { decodePacket } from "./packets.js";
import type { RunValue } from "./run.js";
import { STORED } from "./stored.js";

/** Where a packet of a run stands: it is decoded once, and its value stays the same object for as long as its text does. */
export class PacketValue implements RunValue {
  value: unknown;
  readonly data: unknown;
  readonly type: unknown;
  /** While its reader is being loaded; never rejects. */
  readonly decoding: Promise<void> | undefined;
  readonly #fetch: ((path: string) => Promise<unknown>) | undefined;
  #isUnreadable = false;

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
      this.#isUnreadable = true;
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
    if (!this.#isUnreadable) return this.value;
    try {
      // What failed may have been its reader, which is loaded anew.
      return await decodePacket({ data: this.data as string, type: this.type as string });
    } catch (cause) {
      if (cause instanceof TidegateError) throw cause;
      const message = `The packet cannot be read: ${messageOf(cause)}.`;
      throw new TidegateError(message, { code: "protocol", retryable: false, cause });
    }
  }
}
