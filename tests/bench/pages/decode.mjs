import { subscribe } from "bench-subject";
import { decode } from "../decode.mjs";

window.bench = ({ baseURL, runId, count }, sample) => decode(subscribe, baseURL, runId, count, sample);
