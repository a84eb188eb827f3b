import { handle } from "../../../../edge.js";

export const runtime = "edge";

export const GET = () => handle();
