import { send } from "bench-subject";
import { sendMany } from "../send-many.mjs";

window.bench = ({ baseURL, count, atOnce }) => sendMany(send, baseURL, count, atOnce);
