// The page in Chromium.
import "./fast-clock.mjs";
import { attemptInHook } from "./hook-attempt.mjs";
import { offersOf } from "./offers.mjs";

window.tidegateFaults = offersOf({ hook: attemptInHook });
