import { resolve } from "node:path";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const root = resolve(import.meta.dirname, "../..");
/** Where the development server looks: beside the folder that Cargo puts it into. */
const outDir = resolve(root, process.env.CARGO_TARGET_DIR ?? "target", "console");
/** The host stays that of this page: the server gives a token only to a page of the very host that it is asked at. */
const proxy = { target: process.env.TIDEGATE_URL ?? "http://127.0.0.1:3030", changeOrigin: false };

export default defineConfig({
  base: "/console/",
  plugins: [react()],
  // Nothing inline: the page is served with a policy that forbids it.
  build: { outDir, emptyOutDir: true, assetsInlineLimit: 0 },
  server: { proxy: Object.fromEntries(["/console/api", "/api", "/realtime", "/objects"].map((path) => [path, proxy])) },
});
