import { avoidWebAssembly } from "../../../pkg/dist/index.js";

avoidWebAssembly();
