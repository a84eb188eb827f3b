import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { backend } from "./server.ts";

// The worker lies beside the page, where the page's server does not reach.
export default defineConfig({ plugins: [react(), backend()], build: { outDir: "dist/page" } });
