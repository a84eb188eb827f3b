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
    original:
      "Does nothing in StrictMode: the connection that was given up has taken the controller of the new one along.",
    tidegate: "Stops.",
  },
  "metadata that come just after the end": {
    original: "Are not shown: following stops with the row that says that the run has finished.",
    tidegate: "Are shown: what follows at once is waited for.",
  },
  "an output that cannot be downloaded": {
    original: "Ends following with an error, and the end of the run is not shown.",
    tidegate: "The run is shown without it; loadOutput tries again.",
  },
  "listeners of a page after its components have gone": {
    original: "One of visibilitychange stays for each subscription.",
    tidegate: "There is one for the page.",
  },
  "tags in an array": {
    original:
      'Joined with dashes: ["a-b"] and ["a", "b"] count as the same, and a change from one to the other is missed.',
    tidegate: "Compared by value.",
  },
  "a snapshot of many runs": {
    original: "Is rendered once per run.",
    tidegate: "Is rendered once.",
  },
  "runs that are gone after the feed has begun anew": {
    original: "Stay in the list.",
    tidegate: "Go.",
  },
  "another stream of the same run": {
    original: "Is not read: only another run starts a new connection.",
    tidegate: "Is read.",
  },
  "two components with one id": {
    original: "Open two connections and show every part twice.",
    tidegate: "Share one connection, as all do that read the same; id changes nothing.",
  },
  "a stream key that an address cannot hold as it is": {
    original: "Is put into the address as it is, and another stream is read.",
    tidegate: "Is encoded.",
  },
  "silence on a stream": {
    original: "Ends reading after timeoutInSeconds, or a minute, without an error, and later parts are lost.",
    tidegate: "Goes on until the run has finished.",
  },
  "onData that is another function on each render": {
    original: "The function of the first render is called for as long as the connection lives.",
    tidegate: "The newest one is called.",
  },
  "a stream of a run that may not be read": {
    original: "useRealtimeRunWithStreams leaves a rejection that nobody can catch, and no error.",
    tidegate: "Shows the error.",
  },
  "a failure that nobody catches": {
    original: "send, submit and complete set error, and leave a rejection that nobody can catch.",
    tidegate: "They set error; sendAsync, submitAsync and completeAsync reject.",
  },
  "a send without a run id": {
    original: "Leaves a rejection that nobody can catch, and no error.",
    tidegate: "Sets error.",
  },
  "a run that was triggered with streams and cannot be followed": {
    original: "useRealtimeTaskTriggerWithStreams hides the error.",
    tidegate: "Shows it.",
  },
  "refreshInterval of a run that was cancelled": {
    original: "useRun asks for ever.",
    tidegate: "It stops.",
  },
  "a refreshInterval of less than two seconds": {
    original: "Is two seconds.",
    tidegate: "Is what it says.",
  },
  "an application's own SWR key that is a run id": {
    original: "Is the same cache entry as that of useRun, and one gets the data of the other.",
    tidegate: "Nothing is kept in SWR.",
  },
  "the client of useApiClient": {
    original: "Is a new one on each render.",
    tidegate: "Is the same for the same server and token.",
  },
  "useTriggerAuthContext without a context": {
    original: "Throws.",
    tidegate: "Is an empty object.",
  },
  "a token that is used up while a run is followed": {
    original: "Ends following, though the page has passed another token since.",
    tidegate: "The newer token is used.",
  },
} as const satisfies Record<string, { original: string; tidegate: string }>;

export type DifferenceName = keyof typeof differences;
