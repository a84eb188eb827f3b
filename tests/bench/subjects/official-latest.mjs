// The official client in a newer version.
import { ApiClient } from "core-latest/v3";
import { subjectOf } from "./api-client.mjs";

export const { subscribe, send } = subjectOf(ApiClient);
