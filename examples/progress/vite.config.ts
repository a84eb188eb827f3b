import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { backend } from "./server.ts";

export default defineConfig({ plugins: [react(), backend()] });
