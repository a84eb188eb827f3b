import type { RealtimeRun as OfficialRun } from "@trigger.dev/core/v3";
import type * as Official from "@trigger.dev/react-hooks";
import { expectTypeOf } from "vitest";
import * as ours from "../../../js/src/react.js";
import type { approval, progress, render } from "./tasks.js";

/** What takes a result of theirs takes one of ours. */
type Result<F extends (...args: never[]) => unknown> = ReturnType<F>;

export function Types({ definition }: { definition: typeof progress }) {
  const { run } = ours.useRealtimeRun<typeof render>("run_1");
  expectTypeOf(run).toExtend<OfficialRun<typeof render> | undefined>();
  expectTypeOf(run?.payload).toEqualTypeOf<{ scene: string; frames?: number } | undefined>();
  expectTypeOf(run?.output).toEqualTypeOf<{ url: string; took: bigint } | undefined>();
  const { parts } = ours.useRealtimeStream(definition, "run_1");
  expectTypeOf(parts).toExtend<{ percent: number }[]>();
  const { send } = ours.useInputStreamSend<typeof approval>("approval", "run_1");
  expectTypeOf(send).parameter(0).toEqualTypeOf<{ approved: boolean; note?: string }>();
  const { submit } = ours.useTaskTrigger<typeof render>("render");
  expectTypeOf(submit).parameter(0).toEqualTypeOf<{ scene: string; frames?: number }>();
  // @ts-expect-error another task's id
  ours.useTaskTrigger<typeof render>("tick");
}

expectTypeOf<Result<typeof ours.useRealtimeRun<typeof render>>>().toExtend<
  Official.UseRealtimeRunInstance<typeof render>
>();
expectTypeOf<Result<typeof ours.useRealtimeRunWithStreams<typeof render, { log: string }>>>().toExtend<
  Official.UseRealtimeRunWithStreamsInstance<typeof render, { log: string }>
>();
expectTypeOf<Result<typeof ours.useRealtimeRunsWithTag<typeof render>>>().toExtend<
  Official.UseRealtimeRunsInstance<typeof render>
>();
/** But a handle, whose brand only the official package can give. */
type Unbranded<T> = Omit<T, "handle">;
expectTypeOf<Unbranded<Result<typeof ours.useTaskTrigger<typeof render>>>>().toExtend<
  Unbranded<Official.TriggerInstance<typeof render>>
>();
expectTypeOf<Unbranded<Result<typeof ours.useRealtimeTaskTrigger<typeof render>>>>().toExtend<
  Unbranded<Official.RealtimeTriggerInstance<typeof render>>
>();
expectTypeOf<Result<typeof ours.useWaitToken<string>>>().toExtend<Official.WaitTokenInstance<string>>();
expectTypeOf<Result<typeof ours.useInputStreamSend<string>>>().toExtend<Official.InputStreamSendInstance<string>>();
