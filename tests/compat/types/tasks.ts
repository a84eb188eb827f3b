// A task file as an application has it, written with the official SDK. Pages import its types and nothing else.
import { schemaTask, streams, task } from "@trigger.dev/sdk";

export const render = task({
  id: "render",
  run: async (payload: { scene: string; frames?: number }) => ({
    url: `https://example.com/${payload.scene}`,
    took: 12n,
  }),
});

export const tick = task({ id: "tick", run: async () => "done" as const });

/** As validators make them: what goes in is not what comes out. */
const schema = {
  parse: (value: unknown): { at: Date } => ({ at: new Date(String((value as { at: string }).at)) }),
  _input: {} as { at: string },
  _output: {} as { at: Date },
};

export const remind = schemaTask({ id: "remind", schema, run: async ({ at }) => ({ remindedAt: at }) });

export const progress = streams.define<{ percent: number }>({ id: "progress" });
export const approval = streams.input<{ approved: boolean; note?: string }>({ id: "approval" });
