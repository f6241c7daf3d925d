/** The dialogs that are loaded together when the first of them is shown. */
export { Help } from "./Help";
export { Find } from "./rooms/Find";
export { RoomMenu } from "./rooms/RoomMenu";
export { Settings } from "./Settings";
