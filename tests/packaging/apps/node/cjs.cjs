const client = require("tidegate");
const react = require("tidegate/react");
const server = require("tidegate/server");
const { check } = require("./check.cjs");

check({ client, react, server });
