import { defineConfig } from "vitest/config";

export default defineConfig({ test: { include: ["differential/*.test.ts"], testTimeout: 60_000 } });
