import type {
  AnyRealtimeRun,
  TaskOutput as OfficialOutput,
  TaskPayload as OfficialPayload,
  RealtimeRun as OfficialRun,
  RetrieveRunResult,
} from "@trigger.dev/core/v3";
import type { auth as official } from "@trigger.dev/sdk";
import { expectTypeOf } from "vitest";
import type {
  Client,
  RealtimeRun,
  RetrievedRun,
  RunHandle,
  TaskIdentifier,
  TaskOutput,
  TaskPayload,
} from "../../../js/src/index.js";
import type { Backend, PublicTokenOptions, PublicTokenScopes } from "../../../js/src/server.js";
import type { remind, render, tick } from "./tasks.js";

// The types of a task are those that the official package finds in it.
expectTypeOf<TaskPayload<typeof render>>().toEqualTypeOf<OfficialPayload<typeof render>>();
expectTypeOf<TaskOutput<typeof render>>().toEqualTypeOf<OfficialOutput<typeof render>>();
expectTypeOf<TaskPayload<typeof tick>>().toEqualTypeOf<OfficialPayload<typeof tick>>();
expectTypeOf<TaskOutput<typeof tick>>().toEqualTypeOf<"done">();
expectTypeOf<TaskPayload<typeof remind>>().toEqualTypeOf<OfficialPayload<typeof remind>>();
expectTypeOf<TaskOutput<typeof remind>>().toEqualTypeOf<{ remindedAt: Date }>();
expectTypeOf<TaskPayload<typeof render>>().toEqualTypeOf<{ scene: string; frames?: number }>();
expectTypeOf<TaskIdentifier<typeof render>>().toEqualTypeOf<"render">();

// What takes a run of theirs takes one of ours.
expectTypeOf<RealtimeRun>().toExtend<AnyRealtimeRun>();
expectTypeOf<RealtimeRun<typeof render>>().toExtend<OfficialRun<typeof render>>();
expectTypeOf<RetrievedRun<typeof render>>().toExtend<RetrieveRunResult<typeof render>>();
expectTypeOf<RunHandle<typeof render>["taskIdentifier"]>().toEqualTypeOf<"render">();

export async function useClient(client: Client) {
  for await (const run of client.run<typeof render>("run_1")) {
    expectTypeOf(run.payload).toEqualTypeOf<{ scene: string; frames?: number }>();
    expectTypeOf(run.output).toEqualTypeOf<{ url: string; took: bigint } | undefined>();
  }
  const handle = await client.trigger<typeof render>("render", { scene: "sea" });
  expectTypeOf(handle.publicAccessToken).toEqualTypeOf<string | undefined>();
  await client.trigger<typeof tick>("tick", undefined);
  await client.trigger("whatever", { n: 1 });
  // @ts-expect-error another task's id
  await client.trigger<typeof render>("tick", { scene: "sea" });
  // @ts-expect-error another task's payload
  await client.trigger<typeof render>("render", { n: 1 });
  const run = await client.retrieveRun<typeof remind>("run_1");
  expectTypeOf(run.output).toEqualTypeOf<{ remindedAt: Date } | undefined>();
}

export async function useBackend({ trigger, runs, streams, auth }: Backend) {
  const handle = await trigger<typeof render>("render", { scene: "sea" }, { tags: "sea" });
  expectTypeOf(handle.publicAccessToken).toEqualTypeOf<string>();
  // @ts-expect-error another task's payload
  await trigger<typeof render>("render", { n: 1 });
  const run = await runs.retrieve<typeof remind>(handle);
  expectTypeOf(run.output).toEqualTypeOf<{ remindedAt: Date } | undefined>();
  // @ts-expect-error no such answer
  await streams.input<{ approved: boolean }>({ id: "approval" }).send("run_1", { approved: "yes" });
  // @ts-expect-error a token that would allow nothing
  await auth.createPublicToken({});
  // @ts-expect-error there is no such kind
  await auth.createPublicToken({ scopes: { read: { run: "run_1" } } });
}

// What the official package takes for a token is taken here.
type OfficialToken = NonNullable<Parameters<typeof official.createPublicToken>[0]>;
expectTypeOf<OfficialToken & Pick<PublicTokenOptions, "scopes">>().toExtend<PublicTokenOptions>();
expectTypeOf<NonNullable<OfficialToken["scopes"]>>().toExtend<PublicTokenScopes>();
expectTypeOf<Parameters<typeof official.createTriggerPublicToken>>().toExtend<
  Parameters<Backend["auth"]["createTriggerPublicToken"]>
>();
