/**
 * Where Tidegate's hooks and those of @trigger.dev/react-hooks 4.8.3 are not the same. Each is a test that holds both to what is said
 * here: it fails when the original gets better, or Tidegate worse.
 */
export const differences = {
  "a token that is still to come": {
    original: "Every hook throws while it renders, until there is an access token.",
    tidegate: "They are idle until it comes.",
  },
  "a run under the id of another": {
    original: "Shows the run before under the new id, until the first row of the new one comes.",
    tidegate: "Shows nothing until it knows the new run.",
  },
  "onComplete of a second run": {
    original: "Is called for the first run of a component, and for no later one.",
    tidegate: "Is called once for each run.",
  },
  "an error of another run": {
    original: "Is shown for as long as the component lives.",
    tidegate: "Goes with the run that it is about.",
  },
  "stop after a double mount": {
    original: "Does nothing in StrictMode: the connection that was given up has taken the controller of the new one along.",
    tidegate: "Stops.",
  },
  "metadata that come just after the end": {
    original: "Are not shown: following stops with the row that says that the run has finished.",
    tidegate: "Are shown: what follows at once is waited for.",
  },
} as const satisfies Record<string, { original: string; tidegate: string }>;

export type DifferenceName = keyof typeof differences;
