import { handle } from "../../../edge.js";

export const config = { runtime: "edge" };

export default () => handle();
