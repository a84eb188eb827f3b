import { render, renderHook, screen } from "@testing-library/react";
import { StrictMode, useEffect } from "react";
import { describe, expect, it, vi } from "vitest";
import type { SchemaResult, StandardSchema } from "../client/schema.js";
import type { Send } from "../store/send-store.js";
import { fakePage } from "../testing/fake-page.js";
import { engine, newest, pass, step, watchPageOfEachTest } from "../testing/hooks.js";
import { fakeJwt } from "../testing/tokens.js";
import { type UseInputStreamSendOptions, useInputStreamSend } from "./use-input-stream-send.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

watchPageOfEachTest();

interface Props {
  runId?: string | undefined;
  options?: UseInputStreamSendOptions;
}

const ready: Props = { runId: "run_1", options: { accessToken: "token" } };

function mount(initialProps: Props = ready) {
  return renderHook(({ runId, options }: Props) => useInputStreamSend<unknown>("approval", runId, options), {
    initialProps,
    wrapper: StrictMode,
  });
}

describe("a send", () => {
  it("is one POST for a double click, and idle until then", async () => {
    const { result } = mount();
    expect(result.current).toMatchObject({ status: "idle", isReady: true, isLoading: false, sends: [] });
    expect(fakePage.loader.loads).toBe(0);
    await step(() => {
      result.current.send({ approved: true });
      result.current.send({ approved: true });
    });
    expect(engine().of("send")).toEqual([[1, "run_1", "approval", '{"approved":true}']]);
    expect(result.current).toMatchObject({ status: "sending", isLoading: true });
    await step(() => engine().changeSend(newest("send"), { state: "accepted" }));
    expect(result.current).toMatchObject({ status: "accepted", isLoading: false });
  });

  it("that fails is state, and its promise resolves with it", async () => {
    const { result } = mount();
    let outcome: Send<unknown> | undefined;
    await step(() => {
      result.current.send(1).then((send) => {
        outcome = send;
      });
    });
    const error = { code: "forbidden", retryable: false, missingScope: "write:inputStreams:run_1" } as const;
    await step(() => engine().changeSend(newest("send"), { state: "rejected", error }));
    expect(outcome).toMatchObject({ state: "rejected", error: { code: "forbidden" } });
    expect(result.current.status).toBe("rejected");
    expect(result.current.error?.message).toContain("write:inputStreams:run_1");
  });

  it("rejects from sendAsync, and resolves there with a receipt", async () => {
    const { result } = mount();
    const failed = result.current.sendAsync(1);
    const refused = expect(failed).rejects.toMatchObject({ name: "TidegateError", code: "server", outcome: "unknown" });
    await step();
    const error = { code: "server", retryable: true, status: 502 } as const;
    await step(() => engine().changeSend(newest("send"), { state: "unknown", error }));
    await refused;
    const taken = result.current.sendAsync(2);
    await step();
    await step(() => engine().changeSend(newest("send"), { state: "accepted" }));
    await expect(taken).resolves.toEqual({ runId: "run_1", streamId: "approval", attempts: 1 });
  });

  it("can be retried, cancelled and forgotten", async () => {
    const { result } = mount();
    await step(() => void result.current.send(1));
    await step(() => engine().changeSend(newest("send"), { state: "unknown" }));
    await step(() => result.current.retry());
    expect(engine().of("retrySend")).toHaveLength(1);
    expect(result.current.status).toBe("sending");
    await step(() => result.current.cancel());
    expect(engine().of("cancelSend")).toHaveLength(1);
    await step(() => engine().changeSend(newest("send"), { state: "cancelled" }));
    expect(result.current.status).toBe("idle");
    await step(() => result.current.reset());
    expect(result.current.sends).toEqual([]);
  });

  it("of what is no JSON is rejected before anything is loaded", async () => {
    const { result } = mount();
    await step(() => void result.current.send({ amount: 5n }));
    expect(result.current.error).toMatchObject({ code: "invalid-data" });
    expect(fakePage.loader.loads).toBe(0);
  });
});

describe("a signal", () => {
  it("cancels a send that is queued, for send and for sendAsync", async () => {
    const { result } = mount();
    const controller = new AbortController();
    const { signal } = controller;
    const refused = expect(result.current.sendAsync(1, { signal })).rejects.toMatchObject({ outcome: "cancelled" });
    let outcome: Send<unknown> | undefined;
    await step(() => {
      result.current.send(2, { signal }).then((send) => {
        outcome = send;
      });
    });
    await step(() => controller.abort());
    expect(engine().of("cancelSend")).toHaveLength(2);
    await step(() => {
      for (const id of engine().idsOf("send")) engine().changeSend(id, { state: "cancelled" });
    });
    await refused;
    expect(outcome).toMatchObject({ state: "cancelled", error: { code: "aborted" } });
  });

  it("that is aborted already sends nothing", async () => {
    const { result } = mount();
    await step(() => void result.current.send(1, { signal: AbortSignal.abort() }));
    expect(result.current).toMatchObject({ status: "idle", sends: [{ state: "cancelled" }] });
    expect(fakePage.loader.loads).toBe(0);
  });

  it("of a call that joined another leaves the other its send", async () => {
    const { result } = mount();
    const [first, second] = [new AbortController(), new AbortController()];
    await step(() => {
      result.current.send(1, { signal: first.signal });
      result.current.send(1, { signal: second.signal });
    });
    await step(() => first.abort());
    expect(engine().of("cancelSend")).toEqual([]);
    await step(() => second.abort());
    expect(engine().of("cancelSend")).toHaveLength(1);
  });

  it("hears nothing of a send that is settled", async () => {
    const { result } = mount();
    const controller = new AbortController();
    await step(() => void result.current.send(1, { signal: controller.signal }));
    await step(() => engine().changeSend(newest("send"), { state: "rejected" }));
    await step(() => result.current.retry());
    await step(() => controller.abort());
    expect(engine().of("cancelSend")).toEqual([]);
  });
});

describe("a schema", () => {
  type Check = StandardSchema["~standard"]["validate"];
  const withSchema = (validate: Check): Props => ({
    runId: "run_1",
    options: { accessToken: "token", schema: { "~standard": { version: 1, vendor: "test", validate } } },
  });
  const sent = () =>
    engine()
      .of("send")
      .map((args) => args[3]);

  it("lets nothing out that does not fit, and names what does not", async () => {
    const issues = [{ message: "must be a boolean", path: ["approved"] }];
    const { result } = mount(withSchema(() => ({ issues })));
    const refused = expect(result.current.sendAsync({ approved: "yes" })).rejects.toMatchObject({
      code: "invalid-data",
      outcome: "rejected",
      message: expect.stringContaining("approved: must be a boolean"),
    });
    await step();
    await refused;
    expect(result.current).toMatchObject({ status: "rejected", sends: [{ data: { approved: "yes" } }] });
    expect(fakePage.loader.loads).toBe(0);
  });

  it("sends what fits, as it was given", async () => {
    const check = vi.fn<Check>(() => ({ value: "changed" }) as SchemaResult);
    const { result } = mount(withSchema(check));
    await step(() => void result.current.send("given"));
    expect(check.mock.calls).toEqual([["given"]]);
    expect(sent()).toEqual(['"given"']);
  });

  it("that takes its time keeps the order, also against calls without one", async () => {
    const answers = new Map<unknown, (result: SchemaResult) => void>();
    const validate = (value: unknown) => new Promise<SchemaResult>((resolve) => answers.set(value, resolve));
    const { result, rerender } = mount(withSchema(validate));
    await step(() => {
      for (const data of ["slow", "refused", "quick"]) result.current.send(data);
    });
    rerender(ready);
    await step(() => void result.current.send("unchecked"));
    await step(() => answers.get("quick")?.({}));
    await step(() => answers.get("refused")?.({ issues: [{ message: "no" }] }));
    expect(fakePage.loader.loads).toBe(0);
    expect(result.current.sends.map(({ state }) => state)).toEqual(["queued", "queued", "queued", "queued"]);
    await step(() => answers.get("slow")?.({}));
    expect(sent()).toEqual(['"slow"', '"quick"', '"unchecked"']);
    expect(result.current.sends[1]).toMatchObject({ state: "rejected", error: { code: "invalid-data" } });
  });

  it("can be waited for in vain: the send is cancelled, and can be retried", async () => {
    const answers: ((result: SchemaResult) => void)[] = [];
    const { result } = mount(withSchema(() => new Promise((resolve) => answers.push(resolve))));
    const controller = new AbortController();
    await step(() => void result.current.send(1, { signal: controller.signal }));
    await step(() => controller.abort());
    expect(result.current.sends).toMatchObject([{ state: "cancelled", error: { code: "aborted" } }]);
    await step(() => result.current.retry());
    expect(result.current.status).toBe("sending");
    await step(() => answers[0]?.({}));
    expect(fakePage.loader.loads).toBe(0);
    await step(() => answers[1]?.({}));
    expect(sent()).toEqual(["1"]);
  });
});

describe("cancelOnUnmount", () => {
  const options = { accessToken: "token", dedupe: "none", cancelOnUnmount: true } as const;

  it("takes back what this component queued, on every run, and leaves what is on its way", async () => {
    const other = mount();
    const { result, rerender, unmount } = mount({ runId: "run_1", options });
    await step(() => void other.result.current.send("other"));
    await step(() => void result.current.send("leaves"));
    await step(() => engine().changeSend(newest("send"), { state: "sending" }));
    await step(() => void result.current.send("waits"));
    const waits = newest("send");
    rerender({ runId: "run_2", options });
    await step(() => void result.current.send("waits, too"));
    unmount();
    await step();
    expect(engine().of("cancelSend")).toEqual([[waits], [newest("send")]]);
  });

  it("takes back what was retried", async () => {
    const { result, unmount } = mount({ runId: "run_1", options });
    await step(() => void result.current.send(1));
    await step(() => engine().changeSend(newest("send"), { state: "unknown" }));
    await step(() => result.current.retry());
    unmount();
    expect(engine().of("cancelSend")).toHaveLength(1);
  });

  it("is off unless asked for, by the last render", async () => {
    const { result, rerender, unmount } = mount({ runId: "run_1", options });
    await step(() => void result.current.send(1));
    rerender({ runId: "run_1", options: { ...options, cancelOnUnmount: false } });
    unmount();
    expect(engine().of("cancelSend")).toEqual([]);
  });

  it("leaves a send that an effect makes to StrictMode's second mount", async () => {
    function Greeter() {
      const { send } = useInputStreamSend<string>("greetings", "run_1", options);
      useEffect(() => {
        send("hello");
      }, [send]);
      return null;
    }
    render(<Greeter />, { wrapper: StrictMode });
    await step();
    expect(engine().of("send")).toEqual([[1, "run_1", "greetings", '"hello"']]);
  });
});

describe("not ready", () => {
  it.each<[string, Props, string, RegExp]>([
    ["no run id", { options: { accessToken: "t" } }, "invalid-options", /no run id yet.*isReady/],
    ["no token", { runId: "run_1" }, "token-missing", /no access token yet.*isReady/],
    ["an empty token", { runId: "run_1", options: { accessToken: "" } }, "token-missing", /no access token/],
    [
      "enabled: false",
      { ...ready, options: { accessToken: "t", enabled: false } },
      "invalid-options",
      /enabled: false/,
    ],
  ])("%s: send becomes a rejected entry", async (_, props, code, words) => {
    const { result } = mount(props);
    expect(result.current).toMatchObject({ isReady: false, status: "idle", error: undefined });
    await step(() => void result.current.send(1));
    expect(result.current).toMatchObject({ status: "rejected", sends: [{ state: "rejected", data: 1 }] });
    expect(result.current.error).toMatchObject({ code, message: expect.stringMatching(words) });
    await expect(result.current.sendAsync(2)).rejects.toMatchObject({ code });
    await step();
    expect(fakePage.loader.loads).toBe(0);
  });

  it.each<[UseInputStreamSendOptions, RegExp]>([
    [{ accessToken: "t", baseURL: "api.trigger.dev" }, /baseURL/],
    [{ accessToken: { token: "secret" } as unknown as string }, /accessToken.*not object/],
  ])("shows at once what is wrong with %o, without a throw", (options, words) => {
    const { result } = mount({ runId: "run_1", options });
    expect(result.current.isReady).toBe(false);
    expect(result.current.error?.message).toMatch(words);
    expect(result.current.error?.message).not.toContain("secret");
  });

  it("starts when run id and token arrive, without the refusals from before", async () => {
    const { result, rerender } = mount({});
    await step(() => void result.current.send(1));
    rerender(ready);
    expect(result.current).toMatchObject({ isReady: true, sends: [] });
    await step(() => void result.current.send(2));
    expect(engine().of("send")).toHaveLength(1);
  });

  it("is not shared between components", async () => {
    const { result } = mount({});
    const other = mount({});
    await step(() => void result.current.send(1));
    expect(other.result.current.sends).toEqual([]);
  });
});

describe("state", () => {
  it("belongs to the run: never another run's, also in the render of the switch", async () => {
    const seen: [string | undefined, unknown[]][] = [];
    const { result, rerender } = renderHook(
      ({ runId }: { runId: string }) => {
        const sending = useInputStreamSend<string>("approval", runId, { accessToken: "t" });
        seen.push([runId, sending.sends.map(({ data }) => data)]);
        return sending;
      },
      { initialProps: { runId: "A" }, wrapper: StrictMode },
    );
    await step(() => void result.current.send("for A"));
    rerender({ runId: "B" });
    await step(() => void result.current.send("for B"));
    rerender({ runId: "A" });
    expect(result.current.sends.map(({ data }) => data)).toEqual(["for A"]);
    for (const [runId, data] of seen) for (const value of data) expect(value).toBe(`for ${runId}`);
    expect(
      engine()
        .of("send")
        .map((args) => [args[1], args[3]]),
    ).toEqual([
      ["A", '"for A"'],
      ["B", '"for B"'],
    ]);
  });

  it("is shared by components with the same address", async () => {
    const first = mount();
    const second = mount();
    await step(() => void first.result.current.send(1));
    expect(second.result.current.isLoading).toBe(true);
    expect(second.result.current.sends).toBe(first.result.current.sends);
  });

  it("outlives the component while a send is under way, and is found again", async () => {
    const first = mount();
    let outcome: Send<unknown> | undefined;
    await step(() => {
      first.result.current.send("approve").then((send) => {
        outcome = send;
      });
    });
    first.unmount();
    await pass(600);
    expect(engine().of("cancelSend")).toEqual([]);
    expect(engine().of("closePrincipal")).toEqual([]);
    const again = mount();
    expect(again.result.current).toMatchObject({ status: "sending", sends: [{ data: "approve" }] });
    await step(() => engine().changeSend(newest("send"), { state: "accepted" }));
    expect(outcome?.state).toBe("accepted");
    expect(again.result.current.status).toBe("accepted");
    again.unmount();
    await pass(2_000);
    expect(engine().of("closePrincipal")).toHaveLength(1);
  });
});

describe("functions", () => {
  it("stay the same over renders, runs and tokens", () => {
    const { result, rerender } = mount();
    const { send, sendAsync, retry, cancel, reset } = result.current;
    rerender({ runId: "run_2", options: { accessToken: () => "x" } });
    expect(result.current).toMatchObject({ send, sendAsync, retry, cancel, reset });
  });

  it("use the newest run, also when a child calls one from its own effect", async () => {
    function Child({ send, runId }: { send: (data: string) => unknown; runId: string }) {
      useEffect(() => {
        send(runId);
      }, [send, runId]);
      return null;
    }
    function Parent({ runId }: { runId: string }) {
      const { send, status } = useInputStreamSend<string>("seen", runId, { accessToken: "t" });
      return (
        <p>
          {status}
          <Child send={send} runId={runId} />
        </p>
      );
    }
    const { rerender } = render(<Parent runId="run_1" />);
    rerender(<Parent runId="run_2" />);
    await step();
    expect(screen.getByText("sending")).toBeTruthy();
    expect(
      engine()
        .of("send")
        .map((args) => [args[1], args[3]]),
    ).toEqual([
      ["run_1", '"run_1"'],
      ["run_2", '"run_2"'],
    ]);
  });
});

describe("tokens", () => {
  it("keep what is open when a JWT is renewed, and hand the new one on", async () => {
    const claims = { scopes: ["write:inputStreams:run_1"] };
    const [old, renewed] = [fakeJwt({ ...claims, exp: 1 }), fakeJwt({ ...claims, exp: 2 })];
    const { result, rerender } = mount({ runId: "run_1", options: { accessToken: old } });
    await step(() => void result.current.send(1));
    rerender({ runId: "run_1", options: { accessToken: renewed } });
    await step();
    expect(engine().of("openPrincipal")).toHaveLength(1);
    expect(engine().of("setToken")).toEqual([
      [1, old],
      [1, renewed],
    ]);
    expect(result.current.sends).toHaveLength(1);
  });

  it("are replaced by the newer one of a component that joins", async () => {
    const claims = { scopes: ["write:inputStreams:run_1"] };
    const [old, renewed] = [fakeJwt({ ...claims, exp: 1 }), fakeJwt({ ...claims, exp: 2 })];
    const { result } = mount({ runId: "run_1", options: { accessToken: old } });
    await step(() => void result.current.send(1));
    mount({ runId: "run_1", options: { accessToken: renewed } });
    await step();
    expect(engine().of("setToken")).toEqual([
      [1, old],
      [1, renewed],
    ]);
  });

  it("keep the newer one when a component joins with an older one", async () => {
    const claims = { scopes: ["write:inputStreams:run_1"] };
    const [old, renewed] = [fakeJwt({ ...claims, exp: 1 }), fakeJwt({ ...claims, exp: 2 })];
    const { result } = mount({ runId: "run_1", options: { accessToken: renewed } });
    await step(() => void result.current.send(1));
    mount({ runId: "run_1", options: { accessToken: old } });
    await step();
    expect(engine().of("setToken")).toEqual([[1, renewed]]);
  });

  it("clear the error that an old one has caused, and no other", async () => {
    const claims = { scopes: ["write:inputStreams:run_1"] };
    let exp = 0;
    const next = () => fakeJwt({ ...claims, exp: ++exp });
    for (const [code, status] of [
      ["token-expired", "idle"],
      ["unauthorized", "idle"],
      ["forbidden", "rejected"],
    ] as const) {
      const { result, rerender, unmount } = mount({ runId: `run_${code}`, options: { accessToken: next() } });
      await step(() => void result.current.send(1));
      const error = { code, retryable: false };
      await step(() => engine().changeSend(newest("send"), { state: "rejected", error }));
      expect(result.current).toMatchObject({ status: "rejected", error: { code } });
      rerender({ runId: `run_${code}`, options: { accessToken: next() } });
      await step();
      expect(result.current.status).toBe(status);
      expect(result.current.error?.code).toBe(status === "idle" ? undefined : code);
      expect(result.current.sends).toMatchObject([{ state: "rejected", error: { code } }]);
      unmount();
    }
  });
});
