import { TriggerAuthContext } from "@trigger.dev/react-hooks";
import type { ReactNode } from "react";
import { backend } from "../support/backend.js";
import { steps } from "./screen.js";

/** The application around a component. */
export function within(accessToken: string | undefined, children: ReactNode, baseURL = backend.baseURL) {
  return <TriggerAuthContext.Provider value={{ baseURL, accessToken }}>{children}</TriggerAuthContext.Provider>;
}

/** The statuses that were shown, in turn. */
export const statuses = (seen: { status?: string }[]) => steps(seen.map(({ status }) => status));
