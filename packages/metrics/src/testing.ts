export { type ParsedExposition, parseExposition, type Sample } from "./parse-exposition.ts";
