/** Where Tidegate's input streams and the package's are not the same on purpose: what programs show, each at least once. */
export const differences = {
  "closed after off": ["reads on when nobody listens any more", "closes the connection, and what comes is read later"],
  "not back without listeners": [
    "does not come back to a log while nobody is in line",
    "does, and what comes can be looked at",
  ],
  "slower and slower": [
    "comes back later after each connection that ends without a record",
    "comes back at once after a window",
  ],
  unbounded: ["reads all there is, however much of it nobody takes", "leaves it in the log"],
  "place of a command": ["does not count what the store writes for itself", "counts it"],
  "attached while told": [
    "tells a handler of the record in whose handing out it was attached",
    "begins with the next one",
  ],
  "attached while flushed": [
    "tells a handler all that waited, also what another has been told, when that one attaches it",
    "goes on record by record, for both",
  ],
  "peek while flushed": ["shows a handler as waiting what has been handed out", "shows what is next"],
  "once while flushed": [
    "gives what has been handed to a handler again to a once in it, and passes over another",
    "gives the next one",
  ],
  "passed by": [
    "lets a loop beside a handler miss what comes with a record that it has got",
    "gives it time to ask for the next one",
  ],
  "peek behind a once": [
    "shows nothing of what has come with the record of a once",
    "shows what waits until that one can have asked for the next",
  ],
  "aborted before": ["gives a record to a once that was given up before", "keeps it"],
  "same function": ["has one handler of a function that listens twice", "has two"],
  "off again": ["silences others when a handler that has gone is taken off again", "leaves them"],
  "too long": ["gives up at once where the time is longer than 24 days", "waits for so long"],
  negative: ["gives up at once where the time is less than none", "refuses it"],
  "wait drops": ["loses with a wait what has come and is not taken", "gives the wait the oldest of it"],
  "deaf after wait": ["does not tell handlers anything after a wait", "goes on telling them"],
  "wait jumps the line": ["lets a wait go before those who were there", "has one line"],
  "heard in wait": ["tells who begins to listen in a wait of its record as well", "gives it to the wait alone"],
  "comes before sleep": ["passes over the record behind one that comes while a wait is being registered", "loses none"],
  "answered twice": ["passes over a record after a wait whose key had its answer before", "loses none"],
  "answered by hand": ["passes over a record after a wait that none has ended", "loses none"],
  "wait over a command": [
    "hears the record of a wait again that came behind one of the store's own",
    "knows its number",
  ],
  "tail twice": ["reads a log twice when somebody listens right after a wait", "reads it once"],
  "control record": ["takes what is written for readers for a record without a value", "goes past it"],
  "broken record": ["takes what nobody can read for a record without a value", "goes past it, and says so"],
  "after the end": ["lets a once after the end wait for ever", "rejects it"],
} as const;

export type Difference = keyof typeof differences;

/** How often each was seen. */
export const seen = new Map<Difference, number>();
