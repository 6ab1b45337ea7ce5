export { upSettings } from "./up/up-settings.ts";
