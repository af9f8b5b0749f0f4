"""ID photos: faces found, heads measured, rules judged, crops and print sheets laid out; arrays and values only."""
