// Ends by itself when it has stopped: nothing of the package keeps a process alive.
import { serve } from "tidegate/task";
import { order } from "./order.js";

const serving = await serve({ tasks: [order] });
process.once("SIGTERM", () => serving.stop());
