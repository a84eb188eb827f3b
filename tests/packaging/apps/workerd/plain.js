export { worker as default } from "./worker.js";
