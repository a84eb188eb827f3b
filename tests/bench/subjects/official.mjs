// The official client in the version that the comparison began with.
import { ApiClient } from "@trigger.dev/core/v3";
import { subjectOf } from "./api-client.mjs";

export const { subscribe, send } = subjectOf(ApiClient);
