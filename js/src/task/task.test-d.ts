import { expectTypeOf, test } from "vitest";
import type { TaskIdentifier, TaskOutput, TaskPayload } from "../client/runs/task-types.js";
import { trigger } from "../server.js";
import { serve } from "./serve.js";
import { task } from "./task.js";
import { wait } from "./wait.js";

const order = task({
  id: "order",
  run: async (payload: { sku: string; at?: Date }, { ctx, signal }) => {
    expectTypeOf(ctx.attempt.number).toBeNumber();
    expectTypeOf(ctx.run.parentId).toEqualTypeOf<string | undefined>();
    expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
    return { sold: payload.sku };
  },
});
const tick = task({ id: "tick", run: () => "done" as const });

test("a task tells pages and backends its id, payload and output", () => {
  expectTypeOf<TaskIdentifier<typeof order>>().toEqualTypeOf<"order">();
  expectTypeOf<TaskPayload<typeof order>>().toEqualTypeOf<{ sku: string; at?: Date }>();
  expectTypeOf<TaskOutput<typeof order>>().toEqualTypeOf<{ sold: string }>();
  expectTypeOf<TaskOutput<typeof tick>>().toEqualTypeOf<"done">();
  expectTypeOf(trigger<typeof order>)
    .parameter(1)
    .toEqualTypeOf<{ sku: string; at?: Date }>();
});

test("it is triggered with its payload, and with none where it takes none", () => {
  expectTypeOf(order.trigger).parameter(0).toEqualTypeOf<{ sku: string; at?: Date }>();
  expectTypeOf(tick.trigger).toBeCallableWith();
  expectTypeOf(serve).toBeCallableWith({ tasks: [order, tick] });
});

test("a token says what it is completed with", () => {
  expectTypeOf(wait.forToken<boolean>("waitpoint_1").unwrap()).resolves.toEqualTypeOf<boolean>();
});
