import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
// The package does not export it.
import {
  applyMetadataOperations,
  collapseOperations,
} from "../node_modules/@trigger.dev/core/dist/esm/v3/runMetadata/operations.js";
import { StandardMetadataManager } from "../node_modules/@trigger.dev/core/dist/esm/v3/runMetadata/manager.js";
import { createMetadata } from "../../../js/src/wasm/task-core.js";
import { type MetadataKind, MetadataStep } from "../../../js/src/wasm/metadata-interface.js";
import { type Draw, draws } from "./random.js";
