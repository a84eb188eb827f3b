import { send } from "bench-subject";
import { sendMany } from "../send-many.mjs";

window.bench = (job) => sendMany(send, job);
