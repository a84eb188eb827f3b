import { renderHook } from "@testing-library/react";
import { type ReactNode, StrictMode } from "react";
import { beforeEach, expect, it, vi } from "vitest";
import { watchPageOfEachTest } from "../testing/hooks.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

watchPageOfEachTest();

const warned = vi.spyOn(console, "warn").mockImplementation(() => {});
const warnings = () => warned.mock.calls.map(String);

/** Modules to which nothing has been said yet. */
async function fresh() {
  vi.resetModules();
  const [{ useInputStreamSend }, { TidegateProvider }] = await Promise.all([
    import("./use-input-stream-send.js"),
    import("./provider.js"),
  ]);
  const below = (props: object) => ({
    wrapper: ({ children }: { children: ReactNode }) => (
      <StrictMode>
        <TidegateProvider {...props}>{children}</TidegateProvider>
      </StrictMode>
    ),
  });
  return { useInputStreamSend, below };
}

beforeEach(() => warned.mockClear());

it("tells once of hooks that nothing can make ready", async () => {
  const { useInputStreamSend } = await fresh();
  for (const stream of ["approval", "notes"]) {
    const { rerender } = renderHook(() => useInputStreamSend(stream, "run_1"), { wrapper: StrictMode });
    rerender();
  }
  expect(warnings()).toEqual([expect.stringMatching(/never becomes ready.*<TidegateProvider accessToken/)]);
});

it("tells nothing of hooks whose token may still come", async () => {
  const { useInputStreamSend, below } = await fresh();
  renderHook(() => useInputStreamSend("approval", "run_1", { accessToken: undefined }));
  renderHook(() => useInputStreamSend("approval", "run_1"), below({ accessToken: undefined }));
  expect(warnings()).toEqual([]);
});
