// Readers of one stream, in a process of their own: `{ url, secret, count, records }` is asked for, and `{ open: true }` is answered when
// all of them are, then `{ whole, wrong }` when each has had that many records or has ended. It holds them until it is killed.
import { get } from "node:http";

process.on("message", ({ url, secret, count, records }) => {
  let [open, whole] = [0, 0];
  const wrong = [];
  const settle = () => {
    if (whole + wrong.length === count) process.send({ whole, wrong: wrong.slice(0, 5), missing: wrong.length });
  };
  const opened = () => {
    open += 1;
    if (open === count) process.send({ open: true });
  };
  for (let n = 0; n < count; n++) new Reader(url, secret, records, { opened, settle, done, fail });
  function done() {
    whole += 1;
    settle();
  }
  function fail(why) {
    wrong.push(why);
    settle();
  }
});

class Reader {
  #had = 0;
  #text = "";
  #isOver = false;

  constructor(url, secret, records, { opened, done, fail }) {
    const end = (say, why) => {
      if (this.#isOver) return;
      this.#isOver = true;
      say(why);
    };
    const request = get(url, { headers: { authorization: `Bearer ${secret}` }, agent: false }, (response) => {
      if (response.statusCode !== 200) return end(fail, `it was answered ${response.statusCode}`);
      opened();
      response.setEncoding("utf8").on("data", (chunk) => {
        const events = (this.#text + chunk).split("\n\n");
        this.#text = events.pop();
        for (const event of events) {
          const data = /^event: batch$/m.test(event) && /^data: (.*)$/m.exec(event)?.[1];
          for (const { seq_num } of data ? JSON.parse(data).records : []) {
            if (seq_num !== this.#had) return end(fail, `record ${seq_num} came after ${this.#had} others`);
            this.#had += 1;
          }
        }
        if (this.#had === records) end(done);
      });
      response.on("close", () => end(fail, `it was closed after ${this.#had} records of ${records}`));
    });
    request.on("error", (error) => end(fail, error.message));
  }
}
