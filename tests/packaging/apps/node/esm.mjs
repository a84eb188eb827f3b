import * as client from "tidegate";
import * as react from "tidegate/react";
import * as server from "tidegate/server";
import { check } from "./check.cjs";

await check({ client, react, server });
