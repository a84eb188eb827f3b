// What the examples take for granted: an application's own functions and files.

/** Which run this visitor may see. */
declare function runOfUser(cookie: string | null): Promise<string | undefined>;

/** Asks a person, and says where the answer is to be posted. */
declare function askSomebody(sku: string, address: string, options: { signal: AbortSignal }): Promise<void>;
/** Does the work, and says how far it is. */
declare function generate(): AsyncGenerator<{ step: number }>;

/** A task of theirs. */
declare const order: import("tidegate/task").ServedTask;

/** What a bundler makes of a file. */
declare module "*?url" {
  const url: string;
  export default url;
}

declare module "*/trigger/chat" {
  export const replies: import("tidegate/task").TaskOutputStream<string>;
}

declare module "*/trigger/report" {
  import type { AnyTask } from "tidegate";
  export const report: AnyTask & {
    readonly id: "report";
    readonly trigger: (payload: { month: string }) => unknown;
    readonly triggerAndWait: (payload: { month: string }) => { unwrap(): Promise<{ url: string }> };
  };
}

/** Of Expo. */
declare module "expo/fetch" {
  export function fetch(url: string, init?: RequestInit): Promise<Response>;
}
